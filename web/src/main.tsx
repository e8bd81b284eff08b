import { createRoot } from 'react-dom/client'
import { loadTexts, useLanguage } from './i18n'
import { registerWorker } from './offline/version'
import { App } from './ui/App'
import { loadChat, wasHere } from './ui/chat/part'
import './ui/style/index.css'

if (wasHere()) loadChat().catch(() => {}) // App says so, if it is needed
void loadTexts(useLanguage.getState().language)
  .catch(() => {}) // then it is in English
  .then(() => createRoot(document.getElementById('root')!).render(<App />))
  .then(registerWorker) // what it fetches for later waits for what is needed now
