import { createRoot } from 'react-dom/client'
import { registerWorker } from './offline/version'
import { App } from './ui/App'
import './ui/style/index.css'

registerWorker()
createRoot(document.getElementById('root')!).render(<App />)
