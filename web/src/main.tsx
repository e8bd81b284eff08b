import { createRoot } from 'react-dom/client'
import { loadTexts, useLanguage } from './i18n'
import { registerWorker } from './offline/version'
import { App } from './ui/App'
import './ui/style/index.css'

registerWorker()
void loadTexts(useLanguage.getState().language)
  .catch(() => {}) // then it is in English
  .then(() => createRoot(document.getElementById('root')!).render(<App />))
